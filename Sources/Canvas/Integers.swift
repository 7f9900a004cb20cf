extension Int64 {
    /// Divide and round towards minus infinity; `divisor` must be positive.
    package func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }

    /// Divide and round towards plus infinity; `divisor` must be positive.
    package func ceilDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor > 0 ? quotient + 1 : quotient
    }

    /// Return the remainder in 0 ..< `modulus`, also of a negative number; `modulus` must be positive.
    package func wrapped(modulo modulus: Int64) -> Int64 {
        let remainder = self % modulus
        return remainder < 0 ? remainder + modulus : remainder
    }
}

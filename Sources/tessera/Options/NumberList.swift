import ArgumentParser

/// Numbers with commas between, as options take them.
enum NumberList {
    /// - Throws: `ValidationError` that names the option and what it wants.
    static func parse<Number: LosslessStringConvertible>(
        _ text: String, option: String, form: String, count: ClosedRange<Int>
    ) throws -> [Number] {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Number(String($0.trimmingPrefix { $0 == " " })) }
        guard numbers.count == parts.count, count.contains(numbers.count) else {
            throw ValidationError("\(option) \(text) is not \(form).")
        }
        return numbers
    }
}

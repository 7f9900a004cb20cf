public import ArgumentParser
public import BLASEngine

extension Kernel: ExpressibleByArgument {}
extension Kernel.Precision: ExpressibleByArgument {}

/// Which arithmetic the engine uses; for every command that starts one.
public struct KernelOptions: ParsableArguments {
    @Option(help: "fp32, or bf16 on CPUs with AMX: faster, and some pixels differ visibly from fp32's.")
    public var precision: Kernel.Precision?

    @Option(
        help: """
            The arithmetic kernel, for the same bytes on unlike CPUs: baseline, avx2, avx512, amx-split or amx-bf16; \
            by default the precision's fastest.
            """)
    public var kernel: Kernel?

    public init() {}

    public mutating func validate() throws {
        if let kernel, precision != nil {
            throw ValidationError("--kernel \(kernel.rawValue) includes the precision: leave out --precision.")
        }
    }

    /// The kernel to use.
    ///
    /// - Throws: `ValidationError` where this machine cannot do what was asked for.
    public func chosen() throws -> Kernel {
        if let kernel {
            guard kernel.isAvailable else {
                let names = Kernel.available.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--kernel \(kernel.rawValue): this CPU cannot run it; it can run \(names).")
            }
            return kernel
        }
        let precision = precision ?? .fp32
        guard let kernel = Kernel.fastest(precision) else {
            throw ValidationError(
                "--precision \(precision.rawValue): this CPU has no kernel for it (AMX with bf16); use fp32.")
        }
        return kernel
    }

    /// The options as another process is to be given them.
    public var arguments: [String] {
        (precision.map { ["--precision", $0.rawValue] } ?? []) + (kernel.map { ["--kernel", $0.rawValue] } ?? [])
    }
}

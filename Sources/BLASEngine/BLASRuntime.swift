internal import COpenBLAS
internal import Foundation

/// Controls which arithmetic kernels OpenBLAS uses in this process.
///
/// OpenBLAS picks its kernels once, when it is loaded, and releases older than a CPU take it for a much older one: 0.3.21
/// on a Sapphire Rapids server falls back to SSE3 kernels, a fifth of the speed. The environment variable
/// `OPENBLAS_CORETYPE` overrules the choice, but only if it is set before the library loads, hence ``reexecIfNeeded()``.
public enum BLASRuntime {
    static let coreTypeVariable = "OPENBLAS_CORETYPE"
    static let threadsVariable = "OPENBLAS_NUM_THREADS"

    /// The kernels in use, e.g. `SkylakeX`.
    public static var coreName: String { String(cString: openblas_get_corename()) }

    /// The library's release, e.g. `0.3.21`.
    public static var version: String {
        let words = String(cString: openblas_get_config()).split(separator: " ")
        return words.count > 1 ? String(words[1]) : "unknown"
    }

    /// The numeric profile of an engine with this kernel in this process: results agree bit for bit where it agrees.
    public static func profile(_ kernel: Kernel) -> String { "blas/\(kernel.rawValue)/\(coreName)-\(version)" }

    /// The value of `OPENBLAS_CORETYPE` that suits this CPU better than what OpenBLAS chose, if there is one.
    public static func preferredCoreType() -> String? {
        preferredCoreType(
            chosen: coreName, avx512: tessera_cpu_has_avx512() != 0, avx2: tessera_cpu_has_avx2() != 0)
    }

    static func preferredCoreType(chosen: String, avx512: Bool, avx2: Bool) -> String? {
        let wide = ["SkylakeX", "Cooperlake", "SapphireRapids"]
        if avx512 { return wide.contains(chosen) ? nil : "SkylakeX" }
        if avx2 { return (wide + ["Haswell", "Zen"]).contains(chosen) && !wide.contains(chosen) ? nil : "Haswell" }
        return nil
    }

    /// Start this program again with the kernels that suit the CPU; the first thing that `main` should call.
    ///
    /// Replaces the process image (same process, arguments and open files) with `OPENBLAS_CORETYPE` set. Returns if
    /// there is nothing to gain, if the variable is set already (by the user, or by this function before the restart),
    /// or if the restart fails, which costs speed only.
    public static func reexecIfNeeded() {
        guard getenv(coreTypeVariable) == nil, let coreType = preferredCoreType() else { return }
        setenv(coreTypeVariable, coreType, 1)
        setenv(threadsVariable, "1", 0)
        if let path = realpath("/proc/self/exe", nil) {
            execv(path, CommandLine.unsafeArgv)
            free(path)
        }
        unsetenv(coreTypeVariable)
    }
}

import Foundation
import Scheduling

/// Numbers as people read them.
enum Words {
    static func duration(_ seconds: Double?) -> String {
        guard let seconds, seconds.isFinite, seconds < 1e9 else { return "?" }
        let s = Int(max(0, seconds).rounded())
        switch s {
        case ..<60: return "\(s) s"
        case ..<3600: return "\(s / 60) min \(s % 60) s"
        case ..<86400: return "\(s / 3600) h \(s % 3600 / 60) min"
        default: return "\(s / 86400) d \(s % 86400 / 3600) h"
        }
    }

    /// Windows per second, or per minute where that is less than one.
    static func rate(_ rate: Double) -> String {
        rate >= 1 || rate <= 0 ? "\(number(rate)) windows/s" : "\(number(rate * 60)) windows/min"
    }

    private static func number(_ value: Double) -> String {
        String(format: value >= 10 ? "%.0f" : "%.1f", value)
    }

    /// A part of a whole, never rounded up to 100 %.
    static func percent(_ part: Int, of whole: Int) -> String {
        guard whole > 0 else { return "0.0 %" }
        return String(format: "%.1f %%", (1000 * Double(part) / Double(whole)).rounded(.down) / 10)
    }

    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    static func bar(_ part: Int, of whole: Int, width: Int) -> String {
        let eighths = whole > 0 ? Int(Double(part) / Double(whole) * Double(width * 8)) : 0
        let full = min(width, eighths / 8)
        let rest = full < width ? [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8] : ""
        return String(repeating: "█", count: full) + rest + String(repeating: " ", count: max(0, width - full - 1))
    }
}

extension JobProgress.Phase {
    /// Whether nothing will change any more.
    var isOver: Bool { self == .finished || self == .cancelled }
}

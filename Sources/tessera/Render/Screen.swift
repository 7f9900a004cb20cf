import Foundation

/// A few lines at the bottom of a terminal that are drawn again and again.
final class Screen {
    /// Whether standard error is a terminal that can redraw.
    static var isTerminal: Bool {
        isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    private var height = 0

    /// The width of the terminal in characters.
    var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Replace what was drawn before.
    func draw(_ lines: [String]) {
        let width = columns
        var text = height > 0 ? "\u{1b}[\(height)A" : ""
        for line in lines { text += "\r\u{1b}[K" + line.prefix(width - 1) + "\n" }
        if height > lines.count { text += "\u{1b}[J" }
        write(text)
        height = lines.count
    }

    /// Remove what was drawn.
    func clear() {
        if height > 0 { write("\u{1b}[\(height)A\r\u{1b}[J") }
        height = 0
    }

    /// Leave what was drawn, and go on below it.
    func keep() { height = 0 }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

import Coordinator
import Foundation
import Monitor

/// The jobs that `render` was asked for, kept beside its mosaic, so that `serve` can show and continue them.
struct RequestLog {
    private let file: URL

    init(directory: URL) { file = directory.appending(path: "requests.json") }

    func read() -> [JobRequest] {
        guard let data = try? Data(contentsOf: file) else { return [] }
        return (try? APICoding.decoder().decode([JobRequest].self, from: data)) ?? []
    }

    func add(_ request: JobRequest) throws {
        let known = read()
        guard !known.contains(request) else { return }
        do {
            try APICoding.encoder().encode(known + [request]).write(to: file, options: .atomic)
        } catch {
            throw CommandError("cannot write \(file.path): \(error.localizedDescription)")
        }
    }
}

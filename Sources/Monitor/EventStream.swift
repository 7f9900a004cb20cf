import Coordinator
import Foundation
import HTTPTypes
import Hummingbird

/// The status as server-sent events (WHATWG HTML, section 9.2): an event `status` twice a second at the most.
///
/// What has not changed is not sent again; a comment every 15 s keeps proxies from closing the connection.
struct EventStream {
    static let interval = Duration.milliseconds(500)
    private static let quiet = 30

    let source: any MonitorSource

    func response() -> Response {
        let headers: HTTPFields = [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store"]
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                try await writer.write(ByteBuffer(string: "retry: 1000\n\n"))
                var last = Data()
                var silent = 0
                while !Task.isCancelled {
                    let data = try APICoding.encoder().encode(source.status())
                    if data != last {
                        var buffer = ByteBuffer(string: "event: status\ndata: ")
                        buffer.writeBytes(data)
                        buffer.writeString("\n\n")
                        try await writer.write(buffer)
                        last = data
                        silent = 0
                    } else {
                        silent += 1
                        if silent % Self.quiet == 0 { try await writer.write(ByteBuffer(string: ": still here\n\n")) }
                    }
                    try await Task.sleep(for: Self.interval)
                }
                try await writer.finish(nil)
            })
    }
}

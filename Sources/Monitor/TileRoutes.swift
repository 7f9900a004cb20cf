import Canvas
import Foundation
import HTTPTypes
import Hummingbird

/// `/tiles/{mosaic}/{z}/{x}/{y}.png` and `/tiles/{mosaic}.json`.
struct TileRoutes {
    let source: any MonitorSource
    let queue: BlockingQueue

    func add(to router: Router<MonitorContext>) {
        router.get("tiles/{mosaic}.json") { request, context in try description(request, context) }
        router.get("tiles/{mosaic}/{z}/{x}/{y}.png") { request, context in try await tile(request, context) }
    }

    private func mosaic(_ context: MonitorContext) throws -> String {
        let segment = try context.parameters.require("mosaic")
        let mosaic = MosaicName.mosaic(segment)
        guard source.mosaics().contains(mosaic) else {
            throw MonitorError.notFound("there is no mosaic \"\(segment)\"")
        }
        return mosaic
    }

    private func description(_ request: Request, _ context: MonitorContext) throws -> Response {
        let mosaic = try mosaic(context)
        let authority = request.head.authority ?? "localhost"
        guard let description = TileJSON(mosaic: mosaic, in: source.status(), root: "http://\(authority)") else {
            throw MonitorError.notFound("no job renders the mosaic \"\(mosaic)\", so its extent is not known")
        }
        return .json(description, headers: [.accessControlAllowOrigin: "*"])
    }

    private func tile(_ request: Request, _ context: MonitorContext) async throws -> Response {
        let mosaic = try mosaic(context)
        let address = try address(context)
        guard let tile = try await queue.run({ try source.tile(mosaic: mosaic, address) }) else {
            return Response(status: .noContent, headers: [.cacheControl: "no-cache"])
        }
        let tag = "\"\(String(tile.checksum, radix: 16))\""
        // A tile never changes once final, but another mosaic may be served from this address some day: only a
        // request that names the coordinator's start (as the page and TileJSON do) is told to keep it for ever.
        let forever = tile.isFinal && request.uri.queryParameters["v"] != nil
        let common: HTTPFields = [
            .contentType: "image/png", .eTag: tag,
            .cacheControl: forever ? "public, max-age=31536000, immutable" : "no-cache",
            .accessControlAllowOrigin: "*",
        ]
        let headers = common.adding("Tessera-Final", tile.isFinal ? "1" : "0")
        if Self.matches(request.headers[.ifNoneMatch], tag) { return Response(status: .notModified, headers: headers) }
        return Response(
            status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: tile.png)))
    }

    private func address(_ context: MonitorContext) throws -> Tile {
        let parts = try ["z", "x", "y"].map { try context.parameters.require($0) }
        guard let zoom = Int(parts[0]), let x = Int64(parts[1]), let y = Int64(parts[2]),
            (0...Canvas.maximumZoom).contains(zoom), abs(x / 2) < 1 << 40, abs(y / 2) < 1 << 40
        else {
            throw HTTPError(
                .badRequest,
                message: "\(parts.joined(separator: "/")) is no tile: give whole numbers, "
                    + "zoom 0 to \(Canvas.maximumZoom)")
        }
        return Tile(zoom: zoom, x: x, y: y)
    }

    /// Return whether an If-None-Match field names a tag (RFC 9110, section 13.1.2; weak comparison).
    static func matches(_ field: String?, _ tag: String) -> Bool {
        guard let field else { return false }
        return field.split(separator: ",").contains { candidate in
            let name = candidate.trimmingCharacters(in: .whitespaces)
            return name == "*" || name == tag || name == "W/" + tag
        }
    }
}

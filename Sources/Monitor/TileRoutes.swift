import Canvas
import Foundation
import HTTPTypes
import Hummingbird
import Pyramid

/// `/tiles/{mosaic}/{z}/{x}/{y}.png`, and what describes them: `/tiles/{mosaic}.json` (TileJSON),
/// `/tiles/{mosaic}/WMTSCapabilities.xml` and `/tiles/{mosaic}/tms.xml` (GDAL).
///
/// `/tiles/{z}/{x}/{y}.png` is the mosaic that is the coordinator's directory itself, or its only one.
struct TileRoutes {
    let source: any MonitorSource
    let queue: BlockingQueue

    func add(to router: Router<MonitorContext>) {
        router.get("tiles/{mosaic}.json") { request, context in try description(request, context) }
        router.get("tiles/{mosaic}/WMTSCapabilities.xml") { request, context in
            let (service, root) = try service(request, context)
            let segment = try context.parameters.require("mosaic")
            let text = service.wmtsCapabilities(address: "\(root)/tiles/\(segment)/WMTSCapabilities.xml")
            return Self.xml(text)
        }
        router.get("tiles/{mosaic}/tms.xml") { request, context in
            Self.xml(try service(request, context).service.gdalDescription)
        }
        // Named as in the route below, so that both share the router's nodes: zoom, column and row.
        router.get("tiles/{mosaic}/{z}/{y}.png") { request, context in
            let mosaics = source.mosaics()
            guard let mosaic = mosaics.first(where: { $0 == "" || mosaics.count == 1 }) else {
                throw MonitorError.notFound(
                    "there are \(mosaics.count) mosaics: ask for /tiles/NAME/Z/X/Y.png, with a NAME from /api/v1/status"
                )
            }
            return try await tile(mosaic, address(context, ["mosaic", "z", "y"]), request)
        }
        router.get("tiles/{mosaic}/{z}/{x}/{y}.png") { request, context in
            try await tile(mosaic(context), address(context, ["z", "x", "y"]), request)
        }
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
        let root = Self.root(request)
        guard let description = MosaicTiles(mosaic, in: source.status())?.tileJSON(root: root) else {
            throw MonitorError.notFound("no job renders the mosaic \"\(mosaic)\", so its extent is not known")
        }
        return .json(description, headers: [.accessControlAllowOrigin: "*"])
    }

    private func service(
        _ request: Request, _ context: MonitorContext
    ) throws -> (service: TileService, root: String) {
        let mosaic = try mosaic(context)
        let root = Self.root(request)
        guard let service = MosaicTiles(mosaic, in: source.status())?.service(root: root) else {
            throw MonitorError.notFound(
                "no job renders the mosaic \"\(mosaic)\" on the globe, so it has no place for a map server to tell")
        }
        return (service, root)
    }

    private static func root(_ request: Request) -> String { "http://\(request.head.authority ?? "localhost")" }

    private static func xml(_ text: String) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "application/xml", .cacheControl: "no-cache", .accessControlAllowOrigin: "*",
            ], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    private func tile(_ mosaic: String, _ address: Tile, _ request: Request) async throws -> Response {
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

    private func address(_ context: MonitorContext, _ names: [String]) throws -> Tile {
        let parts = try names.map { try context.parameters.require($0) }
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

import Foundation
import HTTPTypes
import Hummingbird

/// The page and what it is made of; the page's own files are part of the program, Leaflet's are Debian's.
struct PageRoutes {
    private struct Asset {
        var bytes: [UInt8]
        var type: String
    }

    private static let pageFiles: [String: Asset] = [
        "app.js": Asset(bytes: PackageResources.app_js, type: "text/javascript; charset=utf-8"),
        "map.js": Asset(bytes: PackageResources.map_js, type: "text/javascript; charset=utf-8"),
        "style.css": Asset(bytes: PackageResources.style_css, type: "text/css; charset=utf-8"),
        "icon.svg": Asset(bytes: PackageResources.icon_svg, type: "image/svg+xml"),
    ]

    private let leaflet: [String: Asset]

    init(leafletDirectory: String) {
        let types = [
            "leaflet.js": "text/javascript; charset=utf-8", "leaflet.css": "text/css; charset=utf-8",
            "images/layers.png": "image/png", "images/layers-2x.png": "image/png",
            "images/marker-icon.png": "image/png", "images/marker-icon-2x.png": "image/png",
            "images/marker-shadow.png": "image/png",
        ]
        var found: [String: Asset] = [:]
        for (name, type) in types {
            if let data = FileManager.default.contents(atPath: leafletDirectory + "/" + name) {
                found[name] = Asset(bytes: [UInt8](data), type: type)
            }
        }
        leaflet = found
    }

    func add(to router: Router<MonitorContext>) {
        router.get("/") { request, _ in
            let page = Asset(bytes: PackageResources.index_html, type: "text/html; charset=utf-8")
            return Self.response(page, to: request)
        }
        router.get("favicon.ico") { _, _ in
            Response(status: .movedPermanently, headers: [.location: "/assets/icon.svg"])
        }
        router.get("assets/{file}") { request, context in
            guard let asset = Self.pageFiles[context.parameters.get("file") ?? ""] else { throw HTTPError(.notFound) }
            return Self.response(asset, to: request)
        }
        router.get("assets/leaflet/{file}") { request, context in
            try leafletFile(context.parameters.get("file") ?? "", request)
        }
        router.get("assets/leaflet/images/{file}") { request, context in
            try leafletFile("images/" + (context.parameters.get("file") ?? ""), request)
        }
    }

    private func leafletFile(_ name: String, _ request: Request) throws -> Response {
        guard let asset = leaflet[name] else {
            throw HTTPError(
                .notFound,
                message: leaflet.isEmpty
                    ? "Leaflet is not installed where the coordinator runs: apt-get install libjs-leaflet"
                    : "Leaflet has no file \(name)")
        }
        return Self.response(asset, to: request)
    }

    private static let policy = """
        default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; \
        connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """

    private static func response(_ asset: Asset, to request: Request) -> Response {
        let tag = "\"\(String(checksum(asset.bytes), radix: 16))\""
        let headers: HTTPFields = [
            .contentType: asset.type, .cacheControl: "no-cache", .eTag: tag, .contentSecurityPolicy: policy,
        ]
        if TileRoutes.matches(request.headers[.ifNoneMatch], tag) {
            return Response(status: .notModified, headers: headers)
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: asset.bytes)))
    }

    /// FNV-1a, 64 bits.
    private static func checksum(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

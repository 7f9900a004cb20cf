import Canvas
import Foundation

/// What `POST /api/v1/jobs/{id}/priority` takes.
public struct PriorityRequest: Sendable, Hashable, Codable {
    public var priority: Int

    public init(priority: Int) { self.priority = priority }
}

/// What `POST /api/v1/jobs/{id}/first` takes: one of the two, or neither to end it.
public struct FirstRequest: Sendable, Hashable, Codable {
    /// West, south, east, north in degrees.
    public var bbox: [Double]?
    /// x, y, width, height in pixels of level 0.
    public var rect: [Int64]?

    public init(bbox: [Double]? = nil, rect: [Int64]? = nil) {
        self.bbox = bbox
        self.rect = rect
    }

    /// - Throws: `DecodingError` for both at once, or the wrong count of numbers.
    func region() throws -> Region? {
        func wrong(_ problem: String) -> DecodingError {
            DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: problem))
        }
        switch (bbox, rect) {
        case (nil, nil): return nil
        case (let box?, nil):
            guard box.count == 4 else { throw wrong("bbox is four numbers: west, south, east, north") }
            return .box(west: box[0], south: box[1], east: box[2], north: box[3])
        case (nil, let rect?):
            guard rect.count == 4 else { throw wrong("rect is four whole numbers: x, y, width, height") }
            return .rect(PixelRect(x: rect[0], y: rect[1], width: rect[2], height: rect[3]))
        default: throw wrong("bbox and rect exclude each other")
        }
    }
}

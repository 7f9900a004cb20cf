internal import Foundation

extension Mosaic {
    /// The key of `about` that lists the numeric profiles.
    private static let key = "numeric profiles"

    /// Note in `mosaic.json` that windows of this numeric profile are stored here; a profile known already costs nothing.
    ///
    /// Call it before the pixels are stored, so that no profile is ever missing.
    ///
    /// - Throws: `MosaicError` where the file cannot be written.
    public func record(profile: String) throws {
        writeLock.lock()
        defer { writeLock.unlock() }
        guard !knownProfiles.contains(profile), var stored = try Self.readDescription(directory) else { return }
        let recorded = Self.profiles(of: stored)
        if !recorded.contains(profile) {
            stored.about[Self.key] = .array((recorded + [profile]).sorted().map(JSONValue.string))
            try Self.write(stored, to: directory)
        }
        knownProfiles.insert(profile)
    }

    /// The numeric profiles that the stored windows came from, sorted.
    public func profiles() throws -> [String] {
        try Self.readDescription(directory).map(Self.profiles) ?? []
    }

    private static func profiles(of description: MosaicDescription) -> [String] {
        guard case .array(let values) = description.about[key] else { return [] }
        return values.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }
}

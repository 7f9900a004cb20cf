public import Wire

extension Coordinator {
    /// The workers' keys that are let in; empty where none are asked for.
    public var allowedWorkers: [AllowList.Entry] { allowList?.entries ?? [] }

    /// Let workers with a key in, from now on and after every restart.
    ///
    /// - Throws: `KeyError` for what is no key, or where the list cannot be written; `CoordinatorError` where no keys are
    ///   asked for.
    public func allow(key: String, name: String) throws {
        try requireAllowList().allow(CurveKey(key), name: name)
    }

    /// Keep workers with a key out: those that are connected are cut off, and their windows go to others.
    ///
    /// - Returns: Whether the key was allowed before.
    @discardableResult
    public func revoke(key: String) throws -> Bool {
        let was = try requireAllowList().revoke(CurveKey(key))
        put(.allowListChanged)
        return was
    }

    private func requireAllowList() throws -> AllowList {
        guard let allowList else {
            throw CoordinatorError(
                .keyless, "this coordinator asks workers for no keys: start it with `tessera serve --key FILE`")
        }
        return allowList
    }

    /// Return what to do about an address that other machines reach.
    public static func howToSecure(_ endpoint: Endpoint) -> String {
        """
        \(endpoint) can be reached from other machines: anyone there could read and write the mosaics. Make keys, and \
        let the workers' in:
          tessera keygen coordinator worker --out keys
          tessera serve … --key keys/coordinator.secret
          tessera workers allow keys/worker.public
          tessera worker … --key worker.secret --server-key coordinator.public
        or listen on tcp://127.0.0.1:PORT (and tunnel with ssh -L), or pass --insecure where every machine is trusted
        """
    }
}

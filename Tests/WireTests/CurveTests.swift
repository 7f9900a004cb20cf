import Foundation
import Synchronization
import Testing
import Wire

/// Who gets in, and who does not.
@Suite("Keys", .serialized) struct CurveTests {
    private struct Server {
        let context: ZMQContext
        let router: ZMQSocket
        let endpoint: Endpoint
        let poller: ZMQPoller
        let gate: CurveGate?

        init(_ keys: CurveKeyPair?, admits: (@Sendable (CurveKey) -> Bool)?) throws {
            let context = try ZMQContext()
            gate = try admits.map { try CurveGate(context: context, admits: $0) }
            var options = ZMQOptions()
            options.linger = 0
            options.security = keys.map { .server($0) } ?? .none
            let router = try ZMQSocket(.router, context: context, options: options)
            endpoint = try router.bind(Endpoint("tcp://127.0.0.1:*"))
            (self.context, self.router) = (context, router)
            poller = ZMQPoller([router], wakeUp: try WakeUp())
        }
    }

    private enum Answer: Equatable {
        /// A message came through, from this key.
        case heard(CurveKey?)
        case refused(ConnectionProblem)
        case silence
    }

    /// Connect, send a message, and see what comes of it.
    private func attempt(_ security: Security, at server: Server, patience: Duration = .seconds(20)) throws -> Answer {
        var options = ZMQOptions()
        options.linger = 0
        options.security = security
        let dealer = try ZMQSocket(.dealer, context: ZMQContext(), options: options)
        try dealer.watchConnection()
        try dealer.connect(server.endpoint)
        let deadline = ContinuousClock.now + patience
        var sent = false
        while ContinuousClock.now < deadline {
            if !sent { sent = try dealer.send(.credit(Credit(windows: 3))) == .sent }
            if let received = try server.router.receive() {
                #expect(try received.message.get() == .credit(Credit(windows: 3)))
                return .heard(received.key)
            }
            if let problem = dealer.connectionProblem(), problem != .lost { return .refused(problem) }
            try server.poller.wait(milliseconds: 10)
        }
        return .silence
    }

    @Test("A worker with an allowed key gets in, and its messages carry the key")
    func allowed() throws {
        let (coordinator, worker) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
        let allowedKey = worker.publicKey
        let server = try Server(coordinator) { $0 == allowedKey }
        #expect(
            try attempt(.client(worker, server: coordinator.publicKey), at: server) == .heard(worker.publicKey))
    }

    @Test("Another key, no keys, and another server's key do not get in")
    func strangers() throws {
        let (coordinator, worker) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
        let stranger = try CurveKeyPair.generate()
        let allowedKey = worker.publicKey
        let server = try Server(coordinator) { $0 == allowedKey }
        #expect(
            try attempt(.client(stranger, server: coordinator.publicKey), at: server) == .refused(.notAllowed))
        let plain = try attempt(.none, at: server)
        #expect(plain == .refused(.hungUp) || plain == .refused(.otherMechanism))
        let mistaken = try attempt(.client(worker, server: stranger.publicKey), at: server)
        #expect(mistaken == .refused(.hungUp) || mistaken == .refused(.otherMechanism))
        #expect(try attempt(.client(worker, server: coordinator.publicKey), at: server) == .heard(worker.publicKey))
    }

    @Test("Keys against a server that asks for none are refused by the client")
    func plainServer() throws {
        let server = try Server(nil, admits: nil)
        let (coordinator, worker) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
        let answer = try attempt(.client(worker, server: coordinator.publicKey), at: server)
        #expect(answer == .refused(.otherMechanism) || answer == .refused(.hungUp))
    }

    @Test("Without a gate nobody gets in, whatever key he has")
    func failsClosed() throws {
        let (coordinator, worker) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
        let server = try Server(coordinator, admits: nil)
        let answer = try attempt(
            .client(worker, server: coordinator.publicKey), at: server, patience: .seconds(5))
        if case .heard = answer { Issue.record("let in without a gate") }
    }

    @Test("A gate that has ended lets nobody in")
    func endedGate() throws {
        let (coordinator, worker) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
        let context = try ZMQContext()
        var gate: CurveGate? = try CurveGate(context: context) { _ in true }
        var options = ZMQOptions()
        options.security = .server(coordinator)
        let router = try ZMQSocket(.router, context: context, options: options)
        let endpoint = try router.bind(Endpoint("tcp://127.0.0.1:*"))
        #expect(gate != nil)
        gate = nil
        var client = ZMQOptions()
        client.linger = 0
        client.security = .client(worker, server: coordinator.publicKey)
        let dealer = try ZMQSocket(.dealer, context: ZMQContext(), options: client)
        try dealer.watchConnection()
        try dealer.connect(endpoint)
        let poller = ZMQPoller([router], wakeUp: try WakeUp())
        let deadline = ContinuousClock.now + .seconds(5)
        while ContinuousClock.now < deadline, dealer.connectionProblem() == nil {
            #expect(try dealer.send(.credit(Credit(windows: 3))) == .wouldBlock)
            try poller.wait(milliseconds: 20)
        }
        #expect(try router.receive() == nil)
    }

    @Test("A connection that is cut ends, and its peer is asked again who it is")
    func cut() throws {
        let (coordinator, worker) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
        let isAllowed = Mutex(true)
        let shared = Shared(isAllowed)
        let server = try Server(coordinator) { _ in shared.value.withLock { $0 } }
        var options = ZMQOptions()
        options.linger = 0
        options.security = .client(worker, server: coordinator.publicKey)
        let dealer = try ZMQSocket(.dealer, context: ZMQContext(), options: options)
        try dealer.watchConnection()
        try dealer.connect(server.endpoint)
        var received: Received?
        let deadline = ContinuousClock.now + .seconds(20)
        while received == nil, ContinuousClock.now < deadline {
            _ = try dealer.send(.credit(Credit(windows: 3)))
            try server.poller.wait(milliseconds: 10)
            received = try server.router.receive()
        }
        shared.value.withLock { $0 = false }
        ZMQSocket.cut(try #require(received).connection)
        var problem: ConnectionProblem?
        while problem == nil || problem == .lost, ContinuousClock.now < deadline {
            problem = dealer.connectionProblem() ?? problem
            try server.poller.wait(milliseconds: 10)
        }
        #expect(problem == .notAllowed)
    }

    private final class Shared: Sendable {
        let value: Mutex<Bool>
        init(_ value: consuming Mutex<Bool>) { self.value = value }
    }
}

@Suite("Key files") struct KeyFileTests {
    private final class Folder {
        let url = FileManager.default.temporaryDirectory.appending(path: "tessera-keys-\(UUID().uuidString)")
        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(at: url) }
    }

    @Test("A pair is written and read back; the secret is its owner's alone, and nothing is overwritten")
    func pair() throws {
        let folder = try Folder()
        let pair = try CurveKeyPair.generate()
        let files = try KeyFile.write(pair, name: "w", to: folder.url)
        #expect(try KeyFile.readSecret(files.secret) == pair)
        #expect(try KeyFile.readPublic(files.public.path) == pair.publicKey)
        #expect(try KeyFile.readPublic(pair.publicKey.description) == pair.publicKey)
        let mode = try FileManager.default.attributesOfItem(atPath: files.secret.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(throws: KeyError.self) { try KeyFile.write(CurveKeyPair.generate(), name: "w", to: folder.url) }
        #expect(try KeyFile.readSecret(files.secret) == pair)
        #expect(!"\(pair)".contains(try secretText(files.secret)))
    }

    private func secretText(_ url: URL) throws -> String {
        let text = try String(contentsOf: url, encoding: .utf8)
        return String(try #require(text.split(separator: "\n").first { $0.hasPrefix("secret ") }).dropFirst(7))
    }

    @Test("A secret that others can read is refused, with the way out", arguments: [0o644, 0o640, 0o604, 0o660, 0o620])
    func exposed(mode: Int) throws {
        let folder = try Folder()
        let files = try KeyFile.write(CurveKeyPair.generate(), name: "w", to: folder.url)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: files.secret.path)
        let error = #expect(throws: KeyError.self) { try KeyFile.readSecret(files.secret) }
        #expect(error?.description.contains("chmod 600") == true)
        #expect(error?.description.contains(try secretText(files.secret)) == false)
    }

    @Test("What is no key file is named, and no secret is repeated")
    func damaged() throws {
        let folder = try Folder()
        let files = try KeyFile.write(CurveKeyPair.generate(), name: "w", to: folder.url)
        #expect(throws: KeyError.self) { try KeyFile.readSecret(files.public) }
        #expect(throws: KeyError.self) { try KeyFile.readPublic(folder.url.appending(path: "none").path) }
        let other = try CurveKeyPair.generate()
        let text = try String(contentsOf: files.secret, encoding: .utf8)
        let secret = try secretText(files.secret)
        for broken in [
            text.replacing(secret, with: "short"), text.replacing(secret, with: secret.dropLast() + "~"),
            text.replacing("public ", with: "public \(other.publicKey)\n# "), "", "\u{0}\u{1}", "secret",
        ] {
            try Data(broken.utf8).write(to: files.secret)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: files.secret.path)
            let error = #expect(throws: KeyError.self) { try KeyFile.readSecret(files.secret) }
            #expect(error?.description.contains(files.secret.path) == true)
            #expect(error?.description.contains(secret) == false)
        }
    }

    @Test("The allow-list is kept in its file, and takes over what others write into it")
    func allowList() throws {
        let folder = try Folder()
        let url = folder.url.appending(path: "allowed")
        let keys = try (0..<3).map { _ in try CurveKeyPair.generate().publicKey }
        let list = try AllowList(url)
        #expect(list.entries.isEmpty && !list.admits(keys[0]))
        try list.allow(keys[0], name: "rack 3\n# sly")
        try list.allow(keys[1], name: "b")
        #expect(try AllowList(url).entries == list.entries)
        #expect(list.entries.count == 2 && list.admits(keys[0]) && !list.admits(keys[2]))
        #expect(try list.revoke(keys[0]) && !list.revoke(keys[0]))
        #expect(!list.admits(keys[0]) && list.admits(keys[1]))
        let other = try AllowList(folder.url.appending(path: "allowed"))
        try other.allow(keys[2], name: "c")
        #expect(!list.admits(keys[2]))
        #expect(try list.reload() && !list.reload())
        #expect(list.admits(keys[2]))
        try Data("garbage\n".utf8).write(to: url, options: .atomic)
        #expect(throws: KeyError.self) { try list.reload() }
        #expect(list.admits(keys[2]), "the list stays as it was")
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: url.path)
        #expect(throws: KeyError.self) { try AllowList(url) }
    }
}

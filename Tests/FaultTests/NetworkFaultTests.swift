import Foundation
import Testing

/// Machines of their own, with addresses of their own, on lines that delay, lose and break; so with keys.
@Suite(.serialized) struct NetworkFaultTests {
    /// Namespaces, joined by `relay.py`; gone with their owner.
    private final class Network {
        let names: [String]
        private let scratch: Scratch
        private let relay: Daemon
        private let orders = Pipe()
        private var answered = 1

        init(_ scratch: Scratch, hosts: Int) throws {
            self.scratch = scratch
            let tag = String(UUID().uuidString.prefix(6)).lowercased()
            names = (0..<hosts).map { "tessera-\(tag)-\($0)" }
            for name in names { try Daemon.succeed("ip", ["netns", "add", name], in: scratch) }
            let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "relay.py").path
            relay = try Daemon(
                "python3",
                [script, "\(Extent.seed)"] + names.enumerated().map { "\($1)=\(Self.address($0))" },
                log: scratch.path("relay.log"), input: orders)
            let relay = relay
            try until("the network", .seconds(30)) {
                guard relay.process.isRunning else { throw Trouble(description: relay.text) }
                return relay.text.contains("ready")
            }
        }

        static func address(_ host: Int) -> String { "10.99.0.\(host + 1)" }

        /// Change the network, and wait until that is done.
        func order(_ text: String) throws {
            let relay = relay
            let before = relay.text.count
            orders.fileHandleForWriting.write(Data((text + "\n").utf8))
            try until(text, .seconds(30)) { relay.text.count > before }
        }

        deinit {
            relay.crash()
            for name in names { _ = try? Daemon.run("ip", ["netns", "del", name], in: scratch) }
        }
    }

    private static let isPossible =
        Extent.isRoot && FileManager.default.fileExists(atPath: "/dev/net/tun")
        && ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].contains { FileManager.default.isExecutableFile(atPath: $0) }

    @Test(.enabled(if: isPossible, "network namespaces need root, iproute2 and /dev/net/tun"))
    func linesThatDelayLoseAndBreak() throws {
        let cluster = try Cluster()
        let network = try Network(cluster.scratch, hosts: 3)
        let keys = cluster.scratch.path("keys")
        try Daemon.succeed("tessera", ["keygen", "coordinator", "worker", "--out", keys], in: cluster.scratch)
        cluster.namespace = network.names[0]
        cluster.listen = "tcp://\(Network.address(0)):5555"
        cluster.serveArguments = ["--key", keys + "/coordinator.secret"]
        cluster.workerArguments = [
            "--key", keys + "/worker.secret", "--server-key", keys + "/coordinator.public",
        ]
        try cluster.start()
        try cluster.ask(["workers", "allow", keys + "/worker.public"])
        for host in 1...2 {
            try network.order("delay \(Network.address(host)) 30 10")
            try network.order("loss \(Network.address(host)) 1")
            try cluster.worker("host-\(host)", namespace: network.names[host])
        }
        try cluster.submit(Picture())
        try cluster.wait("both hosts to work") { status in
            (1...2).allSatisfy { host in
                status.workers.contains { $0.name == "host-\(host)" && $0.windowsDone > 0 }
            }
        }
        // A cut without a word; in full, longer than both sides' patience.
        try network.order("cut \(Network.address(1))")
        usleep(Extent.pick(3_000_000, full: 40_000_000))
        try network.order("mend \(Network.address(1))")
        // The coordinator dies, and comes back under another address.
        cluster.crash()
        try network.order("move \(Network.address(0)) 10.99.0.77")
        cluster.listen = "tcp://10.99.0.77:5556"
        try cluster.start()
        try cluster.wait("both hosts again") { $0.workers.count == 2 }
        try cluster.waitUntilFinished()
        try cluster.expectUndisturbed()
    }

    @Test(.enabled(if: isPossible, "network namespaces need root, iproute2 and /dev/net/tun"))
    func withoutKeysNobodyListensToTheNetwork() throws {
        let scratch = try Scratch()
        let network = try Network(scratch, hosts: 1)
        let (status, text) = try Daemon.run(
            "tessera", ["serve", "--out", scratch.path("m"), "--listen", "tcp://\(Network.address(0)):5555"],
            namespace: network.names[0], in: scratch)
        #expect(status == 2 && text.contains("tessera keygen") && text.contains("--insecure"), "\(text)")
    }
}

import Fleet
import Foundation
import Glibc
import Testing

@Suite(.timeLimit(.minutes(1))) struct LocalFleetTests {
    /// A folder that goes with the test, and fleets of /bin/sh in it.
    final class Scene {
        let folder: URL

        init() throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("fleet-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
        func text(_ name: String) -> String { (try? String(contentsOfFile: path(name), encoding: .utf8)) ?? "" }

        /// Block until someone writes into a FIFO.
        func awaitWriter(_ name: String) {
            let descriptor = open(path(name), O_RDONLY)
            var byte: UInt8 = 0
            #expect(read(descriptor, &byte, 1) == 1)
            close(descriptor)
        }

        func fleet(
            _ script: String, count: Int = 1, deathLimit: Int = 5, grace: Duration = .seconds(20)
        ) throws -> LocalFleet {
            try LocalFleet(
                .init(
                    executable: "/bin/sh", arguments: { ["-c", script, "sh", "\($0)"] },
                    environment: ["PATH": "/usr/bin:/bin", "SCENE": folder.path], count: count,
                    logDirectory: folder.appendingPathComponent("logs"),
                    restart: RestartPolicy(
                        initialDelay: .milliseconds(1), maximumDelay: .milliseconds(4), deathLimit: deathLimit),
                    grace: grace))
        }
    }

    /// Run what blocks on a thread of its own, for the cooperative pool is small.
    func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result { try body() }) }
            thread.start()
        }
    }

    @Test func eachWorkerHasItsArgumentsEnvironmentAndLog() async throws {
        try await blocking {
            let scene = try Scene()
            let fleet = try scene.fleet("echo worker $1; echo in $SCENE >&2", count: 3)
            fleet.wait { $0.allSatisfy { $0.state == .ended } }
            #expect(fleet.isExhausted)
            #expect(fleet.failure == nil)
            for worker in 1...3 {
                #expect(scene.text("logs/worker-\(worker).log") == "worker \(worker)\nin \(scene.folder.path)\n")
            }
        }
    }

    @Test func oneThatDiesIsStartedAgain() async throws {
        try await blocking {
            let scene = try Scene()
            let fleet = try scene.fleet("echo x >>$SCENE/starts; [ $(wc -l <$SCENE/starts) -ge 3 ] || kill -9 $$")
            fleet.wait { $0[0].state == .ended }
            #expect(fleet.members[0].starts == 3)
            #expect(fleet.members[0].deaths == 2)
            #expect(fleet.failure == nil)
        }
    }

    @Test func oneThatKeepsDyingIsGivenUpWithItsLastWords() async throws {
        try await blocking {
            let scene = try Scene()
            let fleet = try scene.fleet("echo \"no such model ($1)\" >&2; exit 7", count: 2, deathLimit: 3)
            fleet.wait { $0.allSatisfy { $0.state == .givenUp } }
            #expect(fleet.members.map(\.starts) == [3, 3])
            let message = try #require(fleet.failure).description
            #expect(message.contains("3 times in a row"))
            #expect(message.contains("exit status 7"))
            #expect(message.contains("no such model"))
            #expect(message.contains("/logs/worker-"))
            #expect(message.components(separatedBy: "no such model").count == 2, "only the last start's words")
        }
    }

    @Test func progressForgivesDeaths() async throws {
        try await blocking {
            let scene = try Scene()
            #expect(mkfifo(scene.path("go"), 0o600) == 0)
            let fleet = try scene.fleet("read line <$SCENE/go; exit 1", deathLimit: 2)
            for round in 1...4 {
                fleet.wait { $0[0].starts == round && $0[0].state == .running }
                fleet.madeProgress(pid: fleet.members[0].pid)
                // Opening blocks until the child reads.
                try "go\n".write(toFile: scene.path("go"), atomically: false, encoding: .utf8)
            }
            fleet.wait { $0[0].starts == 5 && $0[0].state == .running }
            #expect(fleet.members[0].deaths == 1)
            fleet.kill()
        }
    }

    @Test func stopAsksAndThenKills() async throws {
        try await blocking {
            let scene = try Scene()
            for name in ["ready", "kind"] { #expect(mkfifo(scene.path(name), 0o600) == 0) }
            let fleet = try scene.fleet(
                """
                if [ $1 = 1 ]; then
                    trap 'echo goodbye; exit 3' TERM; echo 1 >$SCENE/ready; while :; do sleep 0.01; done
                fi
                trap '' TERM; echo 2 >$SCENE/kind; exec sleep 1000
                """, count: 2, grace: .milliseconds(300))
            scene.awaitWriter("ready")
            scene.awaitWriter("kind")
            let pids = fleet.members.map(\.pid)
            fleet.stop()
            fleet.stop()
            #expect(fleet.members.map(\.state) == [.ended, .ended])
            #expect(fleet.members.map(\.starts) == [1, 1])
            #expect(scene.text("logs/worker-1.log").hasSuffix("goodbye\n"))
            for pid in pids { #expect(Glibc.kill(pid, 0) == -1 && errno == ESRCH) }
        }
    }

    @Test func aMissingProgramIsAnErrorThatNamesIt() async throws {
        try await blocking {
            let scene = try Scene()
            let logs = scene.folder.appendingPathComponent("logs")
            #expect(
                throws: FleetError.cannotStart(what: "/no/such/worker", reason: "No such file or directory")
            ) {
                try LocalFleet(
                    .init(executable: "/no/such/worker", arguments: { _ in [] }, count: 2, logDirectory: logs))
            }
        }
    }

    @Test func childrenDieWithAParentThatIsKilled() async throws {
        try await blocking {
            let scene = try Scene()
            #expect(mkfifo(scene.path("held"), 0o600) == 0)
            let probe = Process()
            probe.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
                .deletingLastPathComponent().appendingPathComponent("fleet-probe")
            probe.arguments = [scene.path("held"), scene.path("logs")]
            try probe.run()
            // Opening blocks until a child holds the FIFO; its end comes when the last holder is gone.
            let held = open(scene.path("held"), O_RDONLY)
            #expect(held >= 0)
            defer { close(held) }
            Glibc.kill(probe.processIdentifier, SIGKILL)
            probe.waitUntilExit()
            var watched = pollfd(fd: held, events: Int16(POLLIN), revents: 0)
            try #require(poll(&watched, 1, 20_000) == 1, "the children live on")
            var byte: UInt8 = 0
            #expect(read(held, &byte, 1) == 0)
        }
    }
}

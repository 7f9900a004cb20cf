import ArgumentParser
import Foundation
import Wire
import WorkerCommand

struct KeygenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Make keys, for a coordinator and its workers on other machines.",
        discussion: """
            For each name it writes NAME.secret, which only you can read and which stays with its owner, and NAME.public, \
            which is handed on. A coordinator and a worker need a pair each; several workers may share one, and are then \
            let in and revoked together. Nothing is ever overwritten.

            Example, all of the setting up:
              tessera keygen coordinator worker --out keys
              tessera serve --out mosaics --listen 'tcp://*:5555' --key keys/coordinator.secret
              tessera workers allow keys/worker.public
            and on the other machine, with worker.secret and coordinator.public copied there:
              tessera worker --connect tcp://HOST:5555 --key worker.secret --server-key coordinator.public
            """)

    @Argument(help: "What the keys are called; \"coordinator\" and \"worker\" by default.")
    var names: [String] = ["coordinator", "worker"]

    @Option(help: ArgumentHelp("Where the files go.", valueName: "dir"))
    var out = "."

    @Flag(help: "Write JSON, an object a line.")
    var json = false

    func validate() throws {
        for name in names where name.isEmpty || name.hasPrefix(".") || name.contains("/") {
            throw ValidationError("\"\(name)\" is no name for a file.")
        }
        guard Set(names).count == names.count else { throw ValidationError("A name is given twice.") }
    }

    func run() throws {
        for name in names {
            let pair = try CurveKeyPair.generate()
            let files = try KeyFile.write(pair, name: name, to: URL(filePath: out))
            if json {
                print(
                    try JSONText.line([
                        "name": name, "public": pair.publicKey.description, "publicFile": files.public.relativePath,
                        "secretFile": files.secret.relativePath,
                    ]))
            } else {
                print("\(pair.publicKey)  \(files.public.relativePath), \(files.secret.relativePath)")
            }
        }
    }
}

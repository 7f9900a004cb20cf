import ArgumentParser
import Wire
import WorkerCommand

struct Tessera: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tessera",
        abstract: "Render large mosaics of generated satellite imagery from a low-resolution map.",
        discussion: """
            A diffusion model invents detail, ×4 a level, window by window; neighbouring windows share their noise, so \
            the tiles meet without a seam. A coordinator keeps the mosaic and hands windows to any number of workers.

            On one machine, `render` does all of it:

              tessera render --bbox=6.5,45.5,7.5,46.2 --levels 2 --seed 7 --out alps
              tessera export xyz alps tiles

            Over several machines, or to watch and steer it:

              tessera serve --out mosaics
              tessera worker --connect tcp://127.0.0.1:5555
              tessera submit --to http://127.0.0.1:8080 --bbox=6.5,45.5,7.5,46.2 --levels 2
              tessera watch job-1

            Exit status: 0 done, 1 failed, 2 wrong usage, 3 interrupted and resumable.
            """,
        version: Version.current,
        groupedSubcommands: [
            CommandGroup(name: "Rendering", subcommands: [RenderCommand.self, ServeCommand.self, WorkerCommand.self]),
            CommandGroup(
                name: "Steering",
                subcommands: [
                    SubmitCommand.self, JobsCommand.self, StatusCommand.self, WatchCommand.self, PauseCommand.self,
                    ResumeCommand.self, CancelCommand.self, RetryCommand.self, FirstCommand.self, PriorityCommand.self,
                    WorkersCommand.self, DrainCommand.self,
                ]),
            CommandGroup(
                name: "File",
                subcommands: [
                    ExportCommand.self, VerifyCommand.self, ModelCommand.self, EvalCommand.self, KeygenCommand.self,
                ]),
        ])
}

import Foundation
import GRDB
import Scheduling

/// The jobs database: what was asked for, so that a restarted coordinator goes on with it.
///
/// How far a job is stands in the mosaic's cells and nowhere else.
struct JobStore {
    struct Record: Codable, FetchableRecord, PersistableRecord {
        static let databaseTableName = "job"

        var id: JobID
        /// The mosaic's folder below the coordinator's directory.
        var mosaic: String
        /// A `JobRequest` as JSON.
        var request: String
        var phase: String
        /// The numeric profile the job is pinned to.
        var profile: String?
        var created: Date
    }

    private let database: DatabaseQueue

    /// Open the database, or make it.
    init(directory: URL) throws {
        database = try DatabaseQueue(path: directory.appending(path: "jobs.sqlite").path)
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.create(table: "job") { table in
                table.primaryKey("id", .text)
                table.column("mosaic", .text).notNull()
                table.column("request", .text).notNull()
                table.column("phase", .text).notNull()
                table.column("profile", .text)
                table.column("created", .datetime).notNull()
            }
            // The session counter fences what workers of a former session send.
            try db.create(table: "session") { table in
                table.column("epoch", .integer).notNull()
            }
            try db.execute(sql: "INSERT INTO session VALUES (0)")
        }
        try migrator.migrate(database)
    }

    /// Return what a folder's database holds, without a change to it; empty where there is none.
    static func read(_ directory: URL) throws -> [Record] {
        let path = directory.appending(path: "jobs.sqlite").path
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        var configuration = Configuration()
        configuration.readonly = true
        return try DatabaseQueue(path: path, configuration: configuration).read {
            try Record.order(sql: "created, id").fetchAll($0)
        }
    }

    /// Begin a session and return its epoch, larger than every one before.
    func beginSession() throws -> UInt64 {
        try database.write { db in
            try db.execute(sql: "UPDATE session SET epoch = epoch + 1")
            return UInt64(try Int64.fetchOne(db, sql: "SELECT epoch FROM session") ?? 1)
        }
    }

    func all() throws -> [Record] {
        try database.read { try Record.order(sql: "created, id").fetchAll($0) }
    }

    func save(_ record: Record) throws {
        try database.write { try record.save($0) }
    }

    func set(phase: JobProgress.Phase, of id: JobID) throws {
        try database.write {
            try $0.execute(sql: "UPDATE job SET phase = ? WHERE id = ?", arguments: [phase.rawValue, id])
        }
    }

    func set(profile: String, of id: JobID) throws {
        try database.write {
            try $0.execute(sql: "UPDATE job SET profile = ? WHERE id = ?", arguments: [profile, id])
        }
    }
}

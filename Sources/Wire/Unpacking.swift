internal import CTesseraWire
internal import Canvas
internal import Foundation

extension Message {
    /// Unpack an envelope; the values of its fields are not tested yet.
    init(unpacking bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count <= Limits.message else { throw WireError.tooLong(bytes: bytes.count) }
        // A payload that ends the frame is taken from there: protobuf-c would copy it once more.
        let (head, payload) = Self.split(bytes)
        guard
            let envelope = head.withMemoryRebound(
                to: UInt8.self,
                { tessera_envelope_unpack($0.baseAddress, $0.count, 2 * $0.count + 1 << 16) })
        else { throw WireError.malformed(bytes: bytes.count) }
        defer { tessera_envelope_free(envelope) }
        let inner = envelope.pointee.payload
        defer { envelope.pointee.payload = inner }
        if let payload {
            let start = payload.assumingMemoryBound(to: UInt8.self).baseAddress
            envelope.pointee.payload = ProtobufCBinaryData(
                len: payload.count, data: UnsafeMutablePointer(mutating: start))
        }
        self = try Message(envelope.pointee)
    }

    /// Split a frame before a field 15 (`payload`) that ends it.
    ///
    /// Anything else than length-delimited fields before it leaves the frame as it is, for protobuf-c to judge.
    private static func split(
        _ bytes: UnsafeRawBufferPointer
    ) -> (head: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer?) {
        let payloadTag: UInt64 = 15 << 3 | 2
        var offset = 0
        func number() -> UInt64? {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 35, by: 7) {
                guard offset < bytes.count else { return nil }
                let byte = bytes[offset]
                offset += 1
                value |= UInt64(byte & 0x7F) << shift
                if byte & 0x80 == 0 { return value }
            }
            return nil
        }
        while offset < bytes.count {
            let start = offset
            guard let tag = number(), tag & 7 == 2, let length = number(), length <= bytes.count - offset else { break }
            let end = offset + Int(length)
            if tag == payloadTag, end == bytes.count, length > 0 {
                return (
                    UnsafeRawBufferPointer(rebasing: bytes[..<start]),
                    UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
                )
            }
            offset = end
        }
        return (bytes, nil)
    }

    private init(_ envelope: Tessera__Wire__Envelope) throws {
        switch envelope.body_case {
        case TESSERA__WIRE__ENVELOPE__BODY_HELLO:
            self = .hello(try Hello(Self.body(envelope.hello)))
        case TESSERA__WIRE__ENVELOPE__BODY_WELCOME:
            self = .welcome(try Welcome(Self.body(envelope.welcome)))
        case TESSERA__WIRE__ENVELOPE__BODY_REFUSE:
            self = .refuse(try Refusal(Self.body(envelope.refuse)))
        case TESSERA__WIRE__ENVELOPE__BODY_CREDIT:
            self = .credit(Credit(windows: Int(try Self.body(envelope.credit).windows)))
        case TESSERA__WIRE__ENVELOPE__BODY_JOB:
            self = .job(try JobDescription(Self.body(envelope.job)))
        case TESSERA__WIRE__ENVELOPE__BODY_ASSIGN:
            self = .assign(try Assignment(Self.body(envelope.assign)))
        case TESSERA__WIRE__ENVELOPE__BODY_PROGRESS:
            self = .progress(StepProgress(try Self.body(envelope.progress)))
        case TESSERA__WIRE__ENVELOPE__BODY_RESULT:
            self = .result(WindowResult(try Self.body(envelope.result), payload: envelope.payload.bytes))
        case TESSERA__WIRE__ENVELOPE__BODY_FAIL:
            self = .fail(try Failure(Self.body(envelope.fail)))
        case TESSERA__WIRE__ENVELOPE__BODY_HEARTBEAT:
            self = .heartbeat(Heartbeat(try Self.body(envelope.heartbeat)))
        case TESSERA__WIRE__ENVELOPE__BODY_DRAIN:
            self = .drain(try Drain(Self.body(envelope.drain)))
        case TESSERA__WIRE__ENVELOPE__BODY_BYE:
            self = .bye(Bye(reason: try FieldReader("bye").text(Self.body(envelope.bye).reason, "reason")))
        case TESSERA__WIRE__ENVELOPE__BODY_MODEL_REQUEST:
            self = .modelRequest(try ModelRequest(Self.body(envelope.model_request)))
        case TESSERA__WIRE__ENVELOPE__BODY_MODEL_CHUNK:
            self = .modelChunk(try ModelChunk(Self.body(envelope.model_chunk), payload: envelope.payload.bytes))
        case TESSERA__WIRE__ENVELOPE__BODY_REVOKE:
            let body = try Self.body(envelope.revoke)
            self = .revoke(Revocation(lease: body.lease, epoch: body.epoch))
        default:
            throw WireError.unknownMessage
        }
    }

    private static func body<Body>(_ pointer: UnsafeMutablePointer<Body>?) throws -> Body {
        guard let pointer else { throw WireError.unknownMessage }
        return pointer.pointee
    }
}

/// Reads the fields of one kind of message out of C.
private struct FieldReader {
    let check: FieldCheck

    init(_ message: String) {
        check = FieldCheck(message: message)
    }

    func text(_ pointer: UnsafePointer<CChar>?, _ field: String) throws -> String {
        guard let pointer else { return "" }
        guard let text = String(validatingCString: pointer) else { throw check.fail(field, "is not UTF-8") }
        return text
    }

    func digest(_ data: ProtobufCBinaryData, _ field: String) throws -> ModelDigest {
        guard let digest = ModelDigest(bytes: data.buffer) else {
            throw check.fail(field, "\(data.len) bytes, not the \(ModelDigest.byteCount) of a SHA-256")
        }
        return digest
    }

    func code<Code: RawRepresentable<UInt32>>(_ value: UInt32, _ field: String) throws -> Code {
        guard let code = Code(rawValue: value) else { throw check.fail(field, "unknown value \(value)") }
        return code
    }

    func count(_ count: Int, limit: Int, _ field: String) throws {
        try check.count(count, 0...limit, field)
    }
}

extension ProtobufCBinaryData {
    fileprivate var buffer: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: data, count: data == nil ? 0 : len)
    }

    fileprivate var bytes: [UInt8] { Array(buffer) }
}

extension Hello {
    fileprivate init(_ hello: Tessera__Wire__Hello) throws {
        let read = FieldReader("hello")
        let id = try read.text(hello.worker_id, "worker_id")
        guard let workerID = UUID(uuidString: id) else { throw read.check.fail("worker_id", "is not a UUID") }
        try read.count(hello.n_cached_models, limit: Limits.cachedModels, "cached_models")
        self.init(
            protocolVersion: Int(hello.protocol_version),
            softwareVersion: try read.text(hello.software_version, "software_version"),
            workerID: workerID,
            name: try read.text(hello.name, "name"),
            host: try read.text(hello.host, "host"),
            pid: Int(hello.pid),
            device: try read.text(hello.device, "device"),
            profile: try read.text(hello.profile, "profile"),
            batch: Int(hello.batch),
            cachedModels: try UnsafeBufferPointer(start: hello.cached_models, count: hello.n_cached_models)
                .map { try read.digest($0, "cached_models") })
    }
}

extension Welcome {
    fileprivate init(_ welcome: Tessera__Wire__Welcome) throws {
        self.init(
            session: welcome.session, heartbeatMilliseconds: Int(welcome.heartbeat_milliseconds),
            softwareVersion: try FieldReader("welcome").text(welcome.software_version, "software_version"))
    }
}

extension Refusal {
    fileprivate init(_ refuse: Tessera__Wire__Refuse) throws {
        let read = FieldReader("refuse")
        self.init(
            code: try read.code(refuse.code.rawValue, "code"), reason: try read.text(refuse.reason, "reason"))
    }
}

extension JobDescription {
    fileprivate init(_ job: Tessera__Wire__Job) throws {
        let read = FieldReader("job")
        let surface: Canvas.Surface
        switch job.surface {
        case TESSERA__WIRE__JOB__SURFACE__WEB_MERCATOR: surface = .webMercator
        case TESSERA__WIRE__JOB__SURFACE__PLANE: surface = .plane(metresPerPixel: job.metres_per_pixel)
        default: throw read.check.fail("surface", "unknown value \(job.surface.rawValue)")
        }
        let geometry: WindowGeometry
        do {
            geometry = try WindowGeometry(core: Int64(job.core), margin: Int64(job.margin))
        } catch {
            throw read.check.fail("core", "\(error)")
        }
        let profile = try read.text(job.exact_profile, "exact_profile")
        self.init(
            jobID: try read.text(job.job_id, "job_id"),
            model: try read.digest(job.model_digest, "model_digest"),
            modelSize: job.model_size,
            sampler: try read.text(job.sampler, "sampler"),
            noise: try read.code(job.noise.rawValue, "noise"),
            seed: job.seed,
            canvas: Canvas(surface: surface, baseZoom: Int(job.base_zoom), geometry: geometry),
            exactProfile: profile.isEmpty ? nil : profile)
    }
}

extension Assignment {
    fileprivate init(_ assign: Tessera__Wire__Assign) throws {
        let read = FieldReader("assign")
        try read.count(assign.n_windows, limit: Limits.windows, "windows")
        self.init(
            lease: assign.lease, epoch: assign.epoch, jobID: try read.text(assign.job_id, "job_id"),
            windows: try UnsafeBufferPointer(start: assign.windows, count: assign.n_windows).map { pointer in
                guard let window = pointer?.pointee else { throw read.check.fail("windows", "a missing window") }
                try read.count(window.n_constants, limit: Limits.constants, "constants")
                return WindowRequest(
                    core: Core(level: Int(window.level), column: window.column, row: window.row),
                    constants: Array(UnsafeBufferPointer(start: window.constants, count: window.n_constants)),
                    condition: window.condition.bytes)
            })
    }
}

extension StepProgress {
    fileprivate init(_ progress: Tessera__Wire__Progress) {
        self.init(
            lease: progress.lease, epoch: progress.epoch, window: Int(progress.window),
            step: Int(progress.step), steps: Int(progress.steps))
    }
}

extension WindowResult {
    fileprivate init(_ result: Tessera__Wire__Result, payload: [UInt8]) {
        self.init(
            lease: result.lease, epoch: result.epoch,
            core: Core(level: Int(result.level), column: result.column, row: result.row),
            offset: Int(result.offset), total: Int(result.total), checksum: result.checksum,
            seconds: result.seconds, payload: payload)
    }
}

extension Failure {
    fileprivate init(_ fail: Tessera__Wire__Fail) throws {
        let read = FieldReader("fail")
        try read.count(fail.n_windows, limit: Limits.windows, "windows")
        self.init(
            lease: fail.lease, epoch: fail.epoch,
            windows: try UnsafeBufferPointer(start: fail.windows, count: fail.n_windows).map { pointer in
                guard let core = pointer?.pointee else { throw read.check.fail("windows", "a missing address") }
                return Core(level: Int(core.level), column: core.column, row: core.row)
            },
            kind: try read.code(fail.kind.rawValue, "kind"),
            reason: try read.text(fail.reason, "reason"))
    }
}

extension Heartbeat {
    fileprivate init(_ heartbeat: Tessera__Wire__Heartbeat) {
        self.init(
            lease: heartbeat.lease, windowsFinished: heartbeat.windows_finished, steps: heartbeat.steps,
            residentBytes: heartbeat.resident_bytes)
    }
}

extension Drain {
    fileprivate init(_ drain: Tessera__Wire__Drain) throws {
        let read = FieldReader("drain")
        self.init(mode: try read.code(drain.mode.rawValue, "mode"), reason: try read.text(drain.reason, "reason"))
    }
}

extension ModelRequest {
    fileprivate init(_ request: Tessera__Wire__ModelRequest) throws {
        self.init(
            digest: try FieldReader("model_request").digest(request.digest, "digest"), offset: request.offset,
            length: Int(request.length))
    }
}

extension ModelChunk {
    fileprivate init(_ chunk: Tessera__Wire__ModelChunk, payload: [UInt8]) throws {
        self.init(
            digest: try FieldReader("model_chunk").digest(chunk.digest, "digest"), offset: chunk.offset,
            total: chunk.total, payload: payload)
    }
}

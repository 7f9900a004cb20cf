internal import CTesseraWire
internal import Canvas
internal import Foundation

extension Message {
    /// Return the message as an envelope; every field is within its bounds already.
    func packed() throws -> [UInt8] {
        let arena = Arena()
        var envelope = Tessera__Wire__Envelope()
        tessera__wire__envelope__init(&envelope)
        fill(&envelope, arena)
        let count = tessera__wire__envelope__get_packed_size(&envelope)
        guard count <= Limits.message else { throw WireError.tooLong(bytes: count) }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            written = buffer.baseAddress.map { tessera__wire__envelope__pack(&envelope, $0) } ?? 0
        }
    }

    private func fill(_ envelope: inout Tessera__Wire__Envelope, _ arena: Arena) {
        switch self {
        case .hello(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_HELLO
            envelope.hello = arena.make(tessera__wire__hello__init) { body.fill(&$0, arena) }
        case .welcome(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_WELCOME
            envelope.welcome = arena.make(tessera__wire__welcome__init) {
                $0.session = body.session
                $0.heartbeat_milliseconds = UInt32(body.heartbeatMilliseconds)
                $0.software_version = arena.string(body.softwareVersion)
            }
        case .refuse(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_REFUSE
            envelope.refuse = arena.make(tessera__wire__refuse__init) {
                $0.code = .init(rawValue: body.code.rawValue)
                $0.reason = arena.string(body.reason)
            }
        case .credit(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_CREDIT
            envelope.credit = arena.make(tessera__wire__credit__init) { $0.windows = UInt32(body.windows) }
        case .job(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_JOB
            envelope.job = arena.make(tessera__wire__job__init) { body.fill(&$0, arena) }
        case .assign(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_ASSIGN
            envelope.assign = arena.make(tessera__wire__assign__init) { body.fill(&$0, arena) }
        case .progress(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_PROGRESS
            envelope.progress = arena.make(tessera__wire__progress__init) {
                ($0.lease, $0.epoch, $0.window) = (body.lease, body.epoch, UInt32(body.window))
                ($0.step, $0.steps) = (UInt32(body.step), UInt32(body.steps))
            }
        case .result(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_RESULT
            envelope.payload = arena.data(body.payload)
            envelope.result = arena.make(tessera__wire__result__init) { body.fill(&$0) }
        case .fail(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_FAIL
            envelope.fail = arena.make(tessera__wire__fail__init) { body.fill(&$0, arena) }
        case .heartbeat(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_HEARTBEAT
            envelope.heartbeat = arena.make(tessera__wire__heartbeat__init) {
                ($0.lease, $0.windows_finished) = (body.lease, body.windowsFinished)
                ($0.steps, $0.resident_bytes) = (body.steps, body.residentBytes)
            }
        case .drain(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_DRAIN
            envelope.drain = arena.make(tessera__wire__drain__init) {
                $0.mode = .init(rawValue: body.mode.rawValue)
                $0.reason = arena.string(body.reason)
            }
        case .bye(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_BYE
            envelope.bye = arena.make(tessera__wire__bye__init) { $0.reason = arena.string(body.reason) }
        case .modelRequest(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_MODEL_REQUEST
            envelope.model_request = arena.make(tessera__wire__model_request__init) {
                $0.digest = arena.data(body.digest.bytes)
                ($0.offset, $0.length) = (body.offset, UInt32(body.length))
            }
        case .modelChunk(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_MODEL_CHUNK
            envelope.payload = arena.data(body.payload)
            envelope.model_chunk = arena.make(tessera__wire__model_chunk__init) {
                $0.digest = arena.data(body.digest.bytes)
                ($0.offset, $0.total) = (body.offset, body.total)
            }
        case .revoke(let body):
            envelope.body_case = TESSERA__WIRE__ENVELOPE__BODY_REVOKE
            envelope.revoke = arena.make(tessera__wire__revoke__init) {
                ($0.lease, $0.epoch) = (body.lease, body.epoch)
            }
        }
    }
}

extension Hello {
    fileprivate func fill(_ hello: inout Tessera__Wire__Hello, _ arena: Arena) {
        hello.protocol_version = UInt32(protocolVersion)
        hello.software_version = arena.string(softwareVersion)
        hello.worker_id = arena.string(workerID.uuidString)
        hello.name = arena.string(name)
        hello.host = arena.string(host)
        hello.pid = UInt32(pid)
        hello.device = arena.string(device)
        hello.profile = arena.string(profile)
        hello.batch = UInt32(batch)
        hello.n_cached_models = cachedModels.count
        hello.cached_models = arena.array(cachedModels.map { arena.data($0.bytes) })
    }
}

extension JobDescription {
    fileprivate func fill(_ job: inout Tessera__Wire__Job, _ arena: Arena) {
        job.job_id = arena.string(jobID)
        job.model_digest = arena.data(model.bytes)
        job.model_size = modelSize
        job.sampler = arena.string(sampler)
        job.noise = .init(rawValue: noise.rawValue)
        job.seed = seed
        switch canvas.surface {
        case .webMercator:
            job.surface = TESSERA__WIRE__JOB__SURFACE__WEB_MERCATOR
        case .plane(let metresPerPixel):
            job.surface = TESSERA__WIRE__JOB__SURFACE__PLANE
            job.metres_per_pixel = metresPerPixel
        }
        job.base_zoom = UInt32(canvas.baseZoom)
        job.core = UInt32(canvas.geometry.core)
        job.margin = UInt32(canvas.geometry.margin)
        job.exact_profile = arena.string(exactProfile ?? "")
    }
}

extension Assignment {
    fileprivate func fill(_ assign: inout Tessera__Wire__Assign, _ arena: Arena) {
        (assign.lease, assign.epoch) = (lease, epoch)
        assign.job_id = arena.string(jobID)
        assign.n_windows = windows.count
        assign.windows = arena.array(
            windows.map { window in
                arena.make(tessera__wire__window__init) {
                    $0.level = UInt32(window.core.level)
                    ($0.column, $0.row) = (window.core.column, window.core.row)
                    $0.n_constants = window.constants.count
                    $0.constants = arena.array(window.constants)
                    $0.condition = arena.data(window.condition)
                } as UnsafeMutablePointer<Tessera__Wire__Window>?
            })
    }
}

extension WindowResult {
    fileprivate func fill(_ result: inout Tessera__Wire__Result) {
        (result.lease, result.epoch) = (lease, epoch)
        result.level = UInt32(core.level)
        (result.column, result.row) = (core.column, core.row)
        (result.offset, result.total) = (UInt32(offset), UInt32(total))
        result.checksum = checksum
        result.seconds = seconds
    }
}

extension Failure {
    fileprivate func fill(_ fail: inout Tessera__Wire__Fail, _ arena: Arena) {
        (fail.lease, fail.epoch) = (lease, epoch)
        fail.n_windows = windows.count
        fail.windows = arena.array(
            windows.map { core in
                arena.make(tessera__wire__address__init) {
                    $0.level = UInt32(core.level)
                    ($0.column, $0.row) = (core.column, core.row)
                } as UnsafeMutablePointer<Tessera__Wire__Address>?
            })
        fail.kind = .init(rawValue: kind.rawValue)
        fail.reason = arena.string(reason)
    }
}

internal import Foundation
internal import Wire

extension WorkerLoop {
    /// The least time between two messages of progress.
    private static let progressInterval = Duration.milliseconds(100)

    func handle(_ event: ComputeEvent) throws {
        switch event {
        case .step(let batch, let finished, let steps):
            try report(batch, finished, of: steps)
        case .done(let batch, let pixels, let seconds):
            try deliver(batch, pixels, seconds)
        case .failed(let batch, let kind, let reason):
            try giveBack(batch.windows, kind, reason)
        case .wrongModel(let batch, let reason):
            try replaceModel(batch, reason)
        case .stopped(let batch):
            try giveBack(batch.windows, .cancelled, "the batch was stopped")
        }
    }

    private func report(_ batch: Batch, _ finished: Int, of steps: Int) throws {
        guard case .registered(let connection) = phase, connection.isFlushed else { return }
        let now = ContinuousClock.now
        if let last = session.lastProgress, now - last < Self.progressInterval, finished < steps { return }
        session.lastProgress = now
        var told: Set<LeaseKey> = []
        for window in batch.windows where session.isOpen(window) && told.insert(window.lease).inserted {
            try send(
                .progress(
                    StepProgress(
                        lease: window.lease.lease, epoch: window.lease.epoch, window: window.index, step: finished,
                        steps: steps)))
        }
    }

    private func deliver(_ batch: Batch, _ pixels: [[UInt8]?], _ seconds: Double) throws {
        var delivered = 0
        var broken: [QueuedWindow] = []
        for (window, pixels) in zip(batch.windows, pixels) {
            guard let pixels else {
                broken.append(window)
                continue
            }
            guard session.resolve(window) else { continue }
            delivered += 1
            let chunks = WindowResult.chunks(
                lease: window.lease.lease, epoch: window.lease.epoch, core: window.request.core, pixels: pixels,
                seconds: seconds)
            for chunk in chunks { try send(.result(chunk)) }
        }
        if delivered > 0 { options.log(.batch(windows: delivered, seconds: seconds)) }
        try giveBack(broken, .numeric, "the network's values are not finite")
        try grant(delivered)
    }

    // MARK: - Models

    /// How often a model is fetched in one session.
    private static let fetchLimit = 2
    /// How long a piece of a model may take before it is asked for again, and how often it is.
    private static let stallLimit = Duration.seconds(20)
    private static let stallCount = 5

    /// A model's file is damaged: fetch it, and compute its windows then.
    private func replaceModel(_ batch: Batch, _ reason: String) throws {
        let model = batch.job.model
        let open = batch.windows.filter(session.isOpen)
        guard !open.isEmpty else { return }
        guard session.attempts[model, default: 0] < Self.fetchLimit else {
            return try giveBack(open, .model, reason)
        }
        store.discard(model)
        session.waiting[model] = open + session.waiting[model, default: []]
        try startDownload()
    }

    /// Fetch the next model that windows wait for, if none is on its way.
    func startDownload() throws {
        guard session.download == nil,
            let (model, windows) = session.waiting.first(where: { !$0.value.isEmpty }), let first = windows.first
        else { return }
        session.attempts[model, default: 0] += 1
        do {
            let download = try store.download(model, size: first.job.modelSize)
            options.log(.fetching(model, bytes: first.job.modelSize))
            session.download = Session.Download(model: download, lastChunk: .now)
            for request in download.requests() { try send(.modelRequest(request)) }
        } catch let error as TransportError {
            throw error
        } catch {
            try failModel(model, .environment, "the model cannot be stored in \(options.cache.path): \(error)")
        }
    }

    /// Give back the windows that wait for a model, and go on with the next one.
    func failModel(_ model: ModelDigest, _ kind: Failure.Kind, _ reason: String) throws {
        if session.download?.model.digest == model { session.download = nil }
        try giveBack(session.waiting.removeValue(forKey: model) ?? [], kind, reason)
        try startDownload()
    }

    func accept(_ chunk: ModelChunk) throws {
        guard let download = session.download?.model, download.digest == chunk.digest else { return }
        let model = download.digest
        let outcome: ModelDownload.Outcome
        do {
            outcome = try download.accept(chunk)
        } catch let error as WireError {
            return try failModel(model, .model, "\(error)")
        } catch {
            return try failModel(
                model, .environment, "the model cannot be stored in \(options.cache.path): \(error)")
        }
        session.download?.lastChunk = .now
        switch outcome {
        case .ignored:
            break
        case .advanced:
            for request in download.requests() { try send(.modelRequest(request)) }
        case .complete(let file):
            options.log(.fetched(model))
            session.download = nil
            queue.add(session.waiting.removeValue(forKey: model) ?? [], model: file)
            try startDownload()
        case .wrongDigest(let actual):
            guard session.attempts[model, default: 0] < Self.fetchLimit else {
                return try failModel(
                    model, .model, "what the coordinator sends as model \(model) has SHA-256 \(actual)")
            }
            session.download = nil
            try startDownload()
        }
    }

    /// Ask again for pieces of a model that do not come.
    func checkDownload(_ now: ContinuousClock.Instant) throws {
        guard var download = session.download, now - download.lastChunk > Self.stallLimit else { return }
        guard download.stalls < Self.stallCount else {
            return try failModel(download.model.digest, .environment, "the coordinator stopped sending the model")
        }
        download.stalls += 1
        download.lastChunk = now
        download.model.restart()
        session.download = download
        for request in download.model.requests() { try send(.modelRequest(request)) }
    }
}

"""Batches made ahead by background processes, in the order of the steps."""

import multiprocessing
import queue
import signal

from .data import Batch, make_sampler


def produce(out, root, recipe, manifest_path, steps, share):
    """Put the batches of `steps` into a queue until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer decides when to stop
    parent = multiprocessing.parent_process()

    def put(item):
        while parent.is_alive():
            try:
                return out.put(item, timeout=5)
            except queue.Full:
                pass
        out.cancel_join_thread()
        raise SystemExit

    try:
        sampler = make_sampler(root, recipe, manifest_path)
        for step in steps:
            put(sampler.batch(step, *share))
    except Exception as error:  # the consumer has to hear of it
        put(error)
        raise


class BackgroundBatches:
    """Iterate over batches from `first_step` on; process w of n makes every n-th of them, beginning with the w-th."""

    def __init__(self, root, recipe, manifest_path, first_step: int, workers: int = 1, share=(0, 1), ahead: int = 12):
        context = multiprocessing.get_context("spawn")
        self.turn = 0
        self.queues = [context.Queue(maxsize=max(2, ahead // workers)) for _ in range(workers)]
        self.processes = [
            context.Process(
                target=produce, daemon=True,
                args=(out, str(root), recipe, str(manifest_path), range(first_step + w, 1 << 62, workers), share),
            )
            for w, out in enumerate(self.queues)
        ]
        for process in self.processes:
            process.start()

    def __next__(self) -> Batch:
        item = self.receive(self.turn)
        self.turn = (self.turn + 1) % len(self.queues)
        if isinstance(item, BaseException):
            raise item
        return item

    def receive(self, worker: int):
        while True:
            try:
                return self.queues[worker].get(timeout=5)
            except queue.Empty:
                if not self.processes[worker].is_alive():
                    code = self.processes[worker].exitcode
                    raise RuntimeError(f"data process {worker} ended with code {code}; was it out of memory?") from None

    def close(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()

"""Print frames made by Google's Python protobuf, for GoldenFrames.swift.

pip install grpcio-tools; python golden_frames.py > GoldenFrames.swift
"""

import importlib
import pathlib
import sys
import tempfile

from grpc_tools import protoc

root = pathlib.Path(__file__).resolve().parents[2]
with tempfile.TemporaryDirectory() as out:
    assert protoc.main(["", f"-I{root / 'proto'}", f"--python_out={out}", "tessera.proto"]) == 0
    sys.path.insert(0, out)
    wire = importlib.import_module("tessera_pb2")

digest = bytes(range(32))
frames = {
    "hello": wire.Envelope(
        hello=wire.Hello(
            protocol_version=1, software_version="0.1", worker_id="6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
            name="würker", host="h", pid=4711, device="cpu", profile="blas/SkylakeX", batch=4,
            cached_models=[digest, digest[::-1]],
        )
    ),
    "welcome": wire.Envelope(
        welcome=wire.Welcome(session=2**63 + 5, heartbeat_milliseconds=1000, software_version="0.1")
    ),
    "refuse": wire.Envelope(refuse=wire.Refuse(code=wire.Refuse.UNKNOWN_SESSION, reason="who?")),
    "credit": wire.Envelope(credit=wire.Credit(windows=300)),
    "job": wire.Envelope(
        job=wire.Job(
            job_id="j1", model_digest=digest, model_size=2**33, sampler="ddim:50", noise=wire.Job.PERIODIC,
            seed=2**64 - 2, surface=wire.Job.PLANE, base_zoom=3, metres_per_pixel=0.1, core=128, margin=64,
            exact_profile="blas/Haswell",
        )
    ),
    "assign": wire.Envelope(
        assign=wire.Assign(
            lease=9, epoch=2**40, job_id="j1",
            windows=[
                wire.Window(
                    level=2, column=-(2**40), row=2**40, constants=[6.25, -0.1],
                    condition=bytes(i * 7 % 256 for i in range(192)),
                )
            ],
        )
    ),
    "progress": wire.Envelope(progress=wire.Progress(lease=1, epoch=2, window=3, step=4, steps=50)),
    "result": wire.Envelope(
        result=wire.Result(
            lease=1, epoch=2, level=15, column=-1, row=0, offset=5, total=49152, checksum=0xDEADBEEF, seconds=1.5
        ),
        payload=b"\x00\xff\x80",
    ),
    "fail": wire.Envelope(
        fail=wire.Fail(
            lease=1, epoch=2, windows=[wire.Address(level=1, column=-2, row=3), wire.Address(level=1)],
            kind=wire.Fail.NUMERIC, reason="NaN",
        )
    ),
    "heartbeat": wire.Envelope(
        heartbeat=wire.Heartbeat(lease=1, windows_finished=2, steps=2**64 - 1, resident_bytes=2**32)
    ),
    "drain": wire.Envelope(drain=wire.Drain(mode=wire.Drain.NOW, reason="r")),
    "bye": wire.Envelope(bye=wire.Bye(reason="")),
    "modelRequest": wire.Envelope(model_request=wire.ModelRequest(digest=digest, offset=2**32, length=2**20)),
    "modelChunk": wire.Envelope(model_chunk=wire.ModelChunk(digest=digest, offset=7, total=10), payload=b"abc"),
    "revoke": wire.Envelope(revoke=wire.Revoke(lease=1, epoch=2)),
}

print("/// Frames made by Google's Python protobuf: see golden_frames.py.")
print("let goldenFrames: [String: String] = [")
for name, envelope in frames.items():
    text = envelope.SerializeToString(deterministic=True).hex()
    lines = [text[i : i + 100] for i in range(0, len(text), 100)]
    print(f'    "{name}":')
    print("\n".join(f'        {"+ " if i else ""}"{line}"' for i, line in enumerate(lines)) + ",")
print("]")

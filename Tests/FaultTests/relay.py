"""A network of namespaces, with delay, loss and cuts: relay.py SEED NAMESPACE=ADDRESS ...

Every namespace gets a TUN device with its address of 10.99.0.0/24; this process carries the packets between them, as a
kernel with netem would, on kernels without. Commands come as lines on standard input: `delay ADDRESS MEAN SPREAD` in
milliseconds, `loss ADDRESS PERCENT`, `cut ADDRESS`, `mend ADDRESS`, `move OLD NEW`. It ends with its input.
"""

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    descriptor = os.open(path, os.O_RDONLY)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns", path)
    os.close(descriptor)


def attach(namespace, address):
    enter(f"/run/netns/{namespace}")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
    for command in (["addr", "add", f"{address}/24", "dev", "tun0"], ["link", "set", "lo", "up"],
                    ["link", "set", "tun0", "up"]):
        subprocess.run(["ip", *command], check=True)
    return tun


class Node:
    def __init__(self, namespace, address):
        self.namespace, self.tun = namespace, attach(namespace, address)
        self.mean = self.spread = self.loss = 0.0
        self.cut = False
        self.last = 0.0


def main():
    chance = random.Random(int(sys.argv[1]))
    nodes = {}
    for argument in sys.argv[2:]:
        namespace, address = argument.split("=")
        nodes[address] = Node(namespace, address)
    queue, count = [], 0
    print("ready", flush=True)

    def obey(words):
        node = nodes[words[1]]
        if words[0] == "delay":
            node.mean, node.spread = float(words[2]) / 1000, float(words[3]) / 1000
        elif words[0] == "loss":
            node.loss = float(words[2]) / 100
        elif words[0] in ("cut", "mend"):
            node.cut = words[0] == "cut"
        elif words[0] == "move":
            run = ["ip", "-n", node.namespace, "addr"]
            subprocess.run([*run, "del", f"{words[1]}/24", "dev", "tun0"], check=True)
            subprocess.run([*run, "add", f"{words[2]}/24", "dev", "tun0"], check=True)
            nodes[words[2]] = nodes.pop(words[1])
        print("done", flush=True)

    while True:
        wait = max(0.0, queue[0][0] - time.monotonic()) if queue else 1.0
        ready, _, _ = select.select([node.tun for node in nodes.values()] + [sys.stdin], [], [], wait)
        now = time.monotonic()
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            obey(line.split())
        for source in list(nodes.values()):
            if source.tun not in ready:
                continue
            for _ in range(64):
                try:
                    packet = os.read(source.tun, 65536)
                except BlockingIOError:
                    break
                target = nodes.get(".".join(map(str, packet[16:20]))) if packet[0] >> 4 == 4 else None
                if target is None or source.cut or target.cut:
                    continue
                if chance.random() < source.loss or chance.random() < target.loss:
                    continue
                delay = sum(max(0.0, chance.gauss(node.mean, node.spread)) for node in (source, target))
                # In order, as on one line.
                target.last = max(target.last, now + delay)
                count += 1
                heapq.heappush(queue, (target.last, count, target, packet))
        now = time.monotonic()
        while queue and queue[0][0] <= now:
            _, _, target, packet = heapq.heappop(queue)
            try:
                os.write(target.tun, packet)
            except OSError:
                pass


main()

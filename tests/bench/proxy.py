"""Stands before hosts on loopback and makes them far away: each byte arrives later by half a round trip, in order.

    proxy.py --port P --to Q --delay SECONDS ADDRESS…   whoever connects to ADDRESS:P talks to ADDRESS:Q, SECONDS each way
    proxy.py --port P --to Q --silent ADDRESS…          connections are taken, and nothing is ever said

It delays and does not throttle: chunks under way overlap. It says `ready` once it listens, and ends after ten minutes by
itself.
"""

from __future__ import annotations

import argparse
import asyncio
import resource

LONGEST = 600


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float, first: float) -> None:
    """Passes on what comes, each chunk `delay` after it came; none counts as having come before `first`."""
    clock = asyncio.get_running_loop().time
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        data = b"."
        while data:
            try:
                data = await source.read(1 << 16)
            except ConnectionError:
                data = b""
            under_way.put_nowait((max(clock(), first) + delay, data))

    reading = asyncio.create_task(read())
    try:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - clock())
            if not data:
                sink.write_eof()
                return
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        reading.cancel()


async def far(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, delay: float) -> None:
    """The connection itself costs a round trip until the caller may speak, and half of one more until the host hears it."""
    opened = asyncio.get_running_loop().time()
    await asyncio.sleep(3 * delay)
    try:
        there, back = await asyncio.open_connection(writer.get_extra_info("sockname")[0], port)
        await asyncio.gather(carry(reader, back, delay, opened + 2 * delay), carry(there, writer, delay, 0))
        back.close()
    except OSError:
        pass
    finally:
        writer.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1 << 16):
        pass
    writer.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("addresses", nargs="+")
    given = parser.parse_args()
    if not all(address.startswith("127.") for address in given.addresses):
        parser.error("it stands before hosts on loopback only")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    async def on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (silent(reader, writer) if given.silent else far(reader, writer, given.to, given.delay))

    async with await asyncio.start_server(on, given.addresses, given.port, backlog=1000):
        print("ready", flush=True)
        await asyncio.sleep(LONGEST)


if __name__ == "__main__":
    asyncio.run(main())

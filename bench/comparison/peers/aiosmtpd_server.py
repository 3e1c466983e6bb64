"""aiosmtpd that throws mail away: bench/compare starts it. Arguments: the port."""

import asyncio
import sys

from aiosmtpd.smtp import SMTP


class Discard:
    async def handle_DATA(self, _server, _session, _envelope):
        return "250 2.0.0 OK"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Discard(), hostname="bench.example.com", loop=loop, enable_SMTPUTF8=True), "127.0.0.1",
        int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

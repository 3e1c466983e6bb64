"""What is run: loads, lengths, how many messages for whom, offered rates; the presets of the command."""

import dataclasses

KIB, MIB = 1 << 10, 1 << 20
LENGTHS = (KIB, 10 * KIB, 100 * KIB, MIB)
MESSAGES = {KIB: 20000, 10 * KIB: 20000, 100 * KIB: 4000, MIB: 400}   # of the fastest, a round
MESSAGES_MIN = 100
RATE_LOAD = "rate"                     # the open loop, on the command line beside the names of LOADS
RATE_LENGTH = KIB
SHARES = (0.1, 0.25, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)   # of what a server took in the closed loop
KEEPS_UP = 0.95                        # a server that answers less of an offered rate is not offered a higher one


@dataclasses.dataclass
class Plan:
    loads: tuple = ("single", "pipelined", "bdat", RATE_LOAD)
    lengths: tuple = ()                # of every load; those below without them
    rounds: int = 3
    rate_rounds: int = 1
    scale: float = 1.0                 # of the numbers of messages
    shares: tuple = SHARES
    rate_s: int = 2
    sessions: int = 50


def lengths_for(plan, load):
    """smtp-source spends its time on large messages itself: two lengths show what one command at a time costs."""
    return plan.lengths or ((KIB, 10 * KIB) if load == "single" else LENGTHS)


def quick():
    return Plan(lengths=(KIB,), rounds=1, scale=0.25, shares=(0.2, 0.7), rate_s=1)


def messages_for(plan, server, length):
    """How many messages a server gets in a round: those of the fastest by its pace, the same for all loads."""
    full = MESSAGES.get(length) or min(MESSAGES[KIB], max(400, 400 * MIB // length))
    return max(MESSAGES_MIN, round(full * plan.scale * server.pace))


def two_digits(number):
    """Rates as people choose them: 1234 is 1200."""
    return int(float(f"{number:.2g}"))


def rates_for(plan, capacity):
    """Offered rates, in messages/s, each once."""
    return sorted({max(1, two_digits(capacity * share)) for share in plan.shares})


def takes(server, load):
    """The offered rates are for servers, not for ways to set one up."""
    return server.chunking if load == "bdat" else not server.variant if load == RATE_LOAD else True

"""Official clients with a server that limits requests: users get the usual error, and the server answers no more than allowed."""

import time

import pytest

from every_client import CLIENTS, Refused

RATE, BURST, CALLS = 20, 5, 30


@pytest.fixture(scope="module")
def limited(start_server, tmp_path_factory):
    """A server with a low limit on the requests of an access key."""
    configuration = tmp_path_factory.mktemp("limits") / "bulla.toml"
    limit = f"{{ requests-per-second = {RATE}, burst = {BURST} }}"
    configuration.write_text(f"[limits]\naccess-key = {limit}\n")
    return start_server("--http", "--config", configuration)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_is_throttled_and_served_again_later(name, limited, program):
    """Some clients retry automatically. The total of their requests is limited too."""
    kms = CLIENTS[name](limited, program)
    time.sleep(BURST / RATE)
    answered, refused, begun = 0, [], time.monotonic()
    for _ in range(CALLS):
        try:
            kms("DescribeAccountKmsStatus")
            answered += 1
        except Refused as error:
            refused.append(error)
    took = time.monotonic() - begun
    assert answered <= BURST + RATE * took + 1, f"{answered} in {took} s"
    assert refused or took > (CALLS - BURST) / RATE - 0.5, f"{name} is not told"
    for error in refused:
        assert (error.status, error.code) == (400, "Throttling.User"), error
    time.sleep(1)
    kms("DescribeAccountKmsStatus")

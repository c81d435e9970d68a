"""A command parser that each call makes anew."""

from __future__ import annotations

import argparse


def faulty(words: str = "--host here") -> str:
    parser = argparse.ArgumentParser(prog="connect")
    parser.add_argument("--host")
    return parser.parse_args(words.split()).host


# --- mended: as the report says ---

PARSER = argparse.ArgumentParser(prog="connect")
PARSER.add_argument("--host")


def mended(words: str = "--host here") -> str:
    return PARSER.parse_args(words.split()).host

"""The JSON schema of scenario files, for editors. `python -m hetsched.scenario.schema` prints its
path."""

from pathlib import Path

SCHEMA = Path(__file__).with_name("scenario.schema.json")
"""`python -m documentation.reference` makes the file."""

if __name__ == "__main__":
    print(SCHEMA)

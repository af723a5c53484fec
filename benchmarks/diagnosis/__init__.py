"""Whether a diagnosis names what is wrong: faulty programs with known causes, and sound ones."""

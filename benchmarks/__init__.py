"""Reproducible comparisons of lowloss with its peers: `make bench`."""

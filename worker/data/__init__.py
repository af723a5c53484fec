"""From a typed table to splits and arrays; every transform is fitted on training rows only."""

"""The remedies that explain the excess loss, one on top of the other."""

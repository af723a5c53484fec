"""Why a loss is high: checks name suspects, experiments measure them, findings tell of them."""

"""The only code that knows KerasTuner and Optuna."""

"""The commands of ``ben``, one module for each subject."""

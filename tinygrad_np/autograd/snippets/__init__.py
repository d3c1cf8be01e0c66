"""Programs that show a failure again: values, functions and modules written as source."""

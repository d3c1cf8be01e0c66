"""What `check_op` asks, question by question."""

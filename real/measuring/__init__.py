"""What is measured to simulate it later: step times for profiles, accuracies for learning models."""

"""What a real run trains: models, data sets, and the loop that trains, evaluates and restores."""

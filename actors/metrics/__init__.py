"""What is counted: Roost's own metrics, and an application's."""

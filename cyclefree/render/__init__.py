"""From reports to text, nothing else."""

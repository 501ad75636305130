"""What people and programs are shown: every function here renders what others decided, and prints nothing."""

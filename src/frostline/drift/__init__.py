"""What is looked at in images and answers, how it was for the test images, how far a job is from that."""

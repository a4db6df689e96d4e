"""kill -9 at random moments of scoring, publishing, deciding, migrating and promoting: what is torn, what is lost?"""

"""Staff own the content: edit it, see what an edit changes for patients, put it live, take it back."""

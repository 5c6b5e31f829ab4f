lifecycle_all() { :; }

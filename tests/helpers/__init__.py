"""What tests share: tiny images, models, projects, servers."""

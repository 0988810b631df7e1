"""Print the reference page: python -m bot.settings > docs/settings.md"""

from bot.settings.reference import markdown

if __name__ == "__main__":
    print(markdown(), end="")

"""How documents look: functions that draw a purchase on sheets, or write it as a mail's text or HTML."""

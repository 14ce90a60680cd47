"""The financial environment (金融应用环境; JR/T 0025), behind the firewall of the social-security one."""

# One read of everything site.ts declares, in as few processes as there are things to ask.
set -eu
dpkg-query -W -f='${Package} ${Version} ${db:Status-Status}\n' ca-certificates curl logrotate sudo unattended-upgrades \
  fail2ban python3-systemd iptables ufw postgresql redis-server nodejs node-pg node-redis python3-fastapi uvicorn \
  python3-asyncpg python3-redis openssl nginx cron
set -- /etc/apt/apt.conf.d/* /etc/systemd/journald.conf.d/* /etc/ssh/sshd_config.d/* /etc/fail2ban/jail.d/* \
  /etc/postgresql-common/createcluster.d/* /srv/web/* /srv/api/* /etc/web.env /etc/api.env /etc/cron.d/* \
  /usr/local/sbin/backup-postgresql /etc/sudoers.d/* /etc/systemd/system/*.service /etc/nginx/nginx.conf \
  /etc/nginx/sites-available/* /etc/nginx/sites-enabled/* /etc/sysctl.d/*
sha256sum -- "$@"
stat -c '%n %U %G %a' -- "$@" /srv/web /srv/api /etc/ssl/takeclient /var/www/acme /var/backups/postgresql
getent passwd ops web api
getent group
getent shadow ops web api
systemctl show -p Id,LoadState,ActiveState,UnitFileState,InvocationID,NeedDaemonReload systemd-journald ssh fail2ban \
  postgresql@17-main redis-server web api nginx
grep -H '' /proc/sys/net/ipv4/conf/all/rp_filter /proc/sys/net/ipv4/tcp_syncookies /proc/sys/kernel/kptr_restrict \
  /proc/sys/kernel/dmesg_restrict /proc/sys/fs/protected_fifos /proc/sys/fs/protected_regular \
  /proc/sys/fs/suid_dumpable /proc/sys/vm/swappiness
cat /etc/default/ufw /etc/ufw/ufw.conf /etc/ufw/user.rules /etc/ufw/user6.rules
iptables-save -t filter
ip6tables-save -t filter
setpriv --reuid=postgres --regid=postgres --init-groups --reset-env psql -XAtq -d postgres << 'SQL'
select name, setting from pg_settings where source not in ('default', 'override');
select * from pg_authid where rolname = 'takeclient';
select * from pg_database where datname = 'takeclient';
SQL
printf '%s\n' 'CONFIG GET bind protected-mode maxmemory maxmemory-policy lazyfree-lazy-eviction save appendonly' | redis-cli
openssl x509 -in /etc/ssl/takeclient/fullchain.pem -noout -checkend 604800 -ext subjectAltName

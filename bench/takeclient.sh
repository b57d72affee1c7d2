#!/bin/sh
# TakeClient by hand: what an administrator would write for one fresh Debian 13. It looks at nothing and tells nothing.
# Runs as root in a folder that holds files/ and stand-ins/, with PASSWORD, MEMORY (MiB) and CPUS in its environment.
set -eu
umask 022
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l

install -D -m 0644 files/etc/postgresql-common/createcluster.d/10-takeclient.conf -t /etc/postgresql-common/createcluster.d
apt-get update -qq
apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold \
  ca-certificates curl logrotate sudo unattended-upgrades fail2ban python3-systemd iptables ufw postgresql redis-server \
  nodejs node-pg node-redis python3-fastapi uvicorn python3-asyncpg python3-redis openssl nginx cron > /dev/null

useradd -m -s /bin/bash -c operator -G adm,systemd-journal ops
for app in web api; do useradd --system --user-group --home-dir /srv/$app --shell /usr/sbin/nologin $app; done

chmod 0440 files/etc/sudoers.d/operator
chmod 0755 files/usr/local/sbin/backup-postgresql
cp -r --no-preserve=ownership,timestamps --preserve=mode files/etc files/usr /
ln -sf -t /etc/nginx/sites-enabled ../sites-available/landing ../sites-available/crm ../sites-available/admin \
  ../sites-available/api
sysctl -q -e --system > /dev/null 2>&1 || :

install -d -m 0700 -o postgres -g postgres /var/backups/postgresql
install -d -m 0755 /var/www/acme
install -d -m 0750 -g web /srv/web
install -d -m 0750 -g api /srv/api
install -m 0640 -g web stand-ins/web.cjs /srv/web/web.cjs
install -m 0640 -g api stand-ins/api.py /srv/api/api.py

install -d -m 0700 /etc/ssl/takeclient
(umask 077
 openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=takeclient.com \
   -addext 'subjectAltName=DNS:takeclient.com,DNS:*.takeclient.com,DNS:*.app.takeclient.com' \
   -keyout /etc/ssl/takeclient/privkey.pem -out /etc/ssl/takeclient/fullchain.pem 2> /dev/null
 connections="DATABASE_URL=postgresql://takeclient:$PASSWORD@127.0.0.1:5432/takeclient
REDIS_URL=redis://127.0.0.1:6379/0"
 printf '%s\nNODE_PATH=/usr/share/nodejs\nPORT=3000\n' "$connections" > /etc/web.env
 printf '%s\nPYTHONDONTWRITEBYTECODE=1\nPORT=8000\n' "$connections" > /etc/api.env)

shared=$((MEMORY / 2 / 4))
cat > /etc/postgresql/17/main/conf.d/takeclient.conf << CONF
listen_addresses = 'localhost'
max_connections = 100
shared_buffers = ${shared}MB
effective_cache_size = $((MEMORY / 2 * 3 / 4))MB
maintenance_work_mem = $((MEMORY / 2 / 16))MB
work_mem = $(((MEMORY / 2 - shared) / ((100 + CPUS) * 3)))MB
min_wal_size = 1GB
max_wal_size = 4GB
checkpoint_completion_target = 0.9
random_page_cost = 1.1
effective_io_concurrency = 200
wal_compression = lz4
jit = off
track_io_timing = on
log_min_duration_statement = 500ms
log_lock_waits = on
idle_in_transaction_session_timeout = 5min
password_encryption = scram-sha-256
CONF
systemctl restart postgresql@17-main
runuser -u postgres -- psql -qX << SQL
create role takeclient login password '$PASSWORD';
create database takeclient owner takeclient;
revoke connect on database takeclient from public;
SQL

cat >> /etc/redis/redis.conf << CONF
bind 127.0.0.1 -::1
protected-mode yes
maxmemory $((MEMORY / 8))mb
maxmemory-policy allkeys-lru
lazyfree-lazy-eviction yes
save ""
appendonly no
CONF

systemctl daemon-reload
systemctl restart redis-server fail2ban systemd-journald
systemctl reload ssh
systemctl enable -q --now web api
systemctl reload nginx

for port in 3000 8000 5432 6379; do ufw deny $port/tcp; done > /dev/null
for port in 22 80 443; do ufw allow $port/tcp; done > /dev/null
ufw default deny incoming > /dev/null
ufw default allow outgoing > /dev/null
ufw default deny routed > /dev/null
ufw logging low > /dev/null
ufw --force enable > /dev/null

# What is different for each user of the files here. Replace the right sides, then run in this folder:
#   mkdir filled && for file in *.json; do sed -f values.sed "$file" > "filled/$file"; done
# The AWS account, and the region of its registry and its clusters.
s|<account>|111122223333|g
s|<region>|eu-central-1|g
# The path of `registry` and the `name` of shopctl.yaml: ….amazonaws.com/shops and shop.
s|<images>|shops/shop|g
# The cluster on EKS.
s|<cluster>|shop-production|g
# The environment in shopctl.yaml. Each has a role of its own: change it, and fill in again.
s|<environment>|production|g
# The repository on GitHub. `gh api repos/OWNER/NAME --jq '.owner.id, .id'` prints its two ids.
s|<owner>|octo-org|g
s|<owner-id>|123456|g
s|<repository>|shop|g
s|<repository-id>|456789|g
